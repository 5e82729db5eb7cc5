use std::{collections::BTreeMap, sync::Arc};

const PAGE_SIZE: usize = 4096;
pub(crate) const PAGE_BYTES: u64 = PAGE_SIZE as u64;

/// One page of a file; shared between images until one of them writes to it.
pub(crate) type Page = Arc<[u8; PAGE_SIZE]>;

/// The bytes of a file. A page that is not there is zeros; none is past the length, and what the last one holds
/// past it is zeros.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    len: u64,
    pages: BTreeMap<u64, Page>,
}

impl Content {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn page(&self, number: u64) -> Page {
        self.pages.get(&number).cloned().unwrap_or_else(|| Arc::new([0; PAGE_SIZE]))
    }

    /// Sets a page whatever the length is; [`Content::set_len`] is to follow.
    pub(crate) fn set_page(&mut self, number: u64, page: Page) {
        self.pages.insert(number, page);
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        self.len = len;
        let _past_the_end = self.pages.split_off(&len.div_ceil(PAGE_BYTES));
        if let Some(last) = self.pages.get_mut(&(len / PAGE_BYTES)) {
            Arc::make_mut(last)[within(len)..].fill(0);
        }
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        for (number, start, part) in by_page(offset, data.len()) {
            let mut page = self.page(number);
            Arc::make_mut(&mut page)[start..start + part.len()].copy_from_slice(&data[part]);
            self.pages.insert(number, page);
        }
        self.len = self.len.max(offset + data.len() as u64);
    }

    /// Short at the end of the file.
    pub(crate) fn read(&self, offset: u64, size: usize) -> Vec<u8> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut data = vec![0; size.min(left)];
        for (number, start, part) in by_page(offset, data.len()) {
            if let Some(page) = self.pages.get(&number) {
                let end = start + part.len();
                data[part].copy_from_slice(&page[start..end]);
            }
        }
        data
    }
}

fn within(offset: u64) -> usize {
    usize::try_from(offset % PAGE_BYTES).expect("less than a page")
}

/// The pages that `size` bytes from `offset` touch: number of the page, where in it, and which of the bytes.
pub(crate) fn by_page(
    offset: u64,
    size: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = within(at);
        let part = done..size.min(done + PAGE_SIZE - start);
        done = part.end;
        (!part.is_empty()).then_some((at / PAGE_BYTES, start, part))
    })
}
