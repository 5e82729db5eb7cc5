use std::{collections::BTreeMap, sync::Arc};

use rand::Rng;

use crate::content::{Content, PAGE_BYTES, Page, by_page};

const SECTOR_BYTES: usize = 512;

/// A file: what is read from it, what is on the platter, and how the one came from the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    cache: Content,
    platter: Content,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, data: Arc<[u8]> },
    SetLen(u64),
}

impl File {
    pub(crate) fn len(&self) -> u64 {
        self.cache.len()
    }

    pub(crate) fn read(&self, offset: u64, size: usize) -> Vec<u8> {
        self.cache.read(offset, size)
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        self.cache.write(offset, data);
        self.unsynced.push(Change::Write { offset, data: data.into() });
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        self.cache.set_len(len);
        self.unsynced.push(Change::SetLen(len));
    }

    pub(crate) fn sync(&mut self) {
        self.platter = self.cache.clone();
        self.unsynced.clear();
    }

    /// What only the platter holds.
    pub(crate) fn synced(&self) -> Self {
        Self::settled(self.platter.clone())
    }

    /// What a power cut may leave: the platter, and by chance some of what came after.
    ///
    /// A cut of the length is a change of the journal, and space is only used again when it is there: writes after
    /// a lost one are lost too. Apart from that each page is as it was after any write to it, or torn between two.
    pub(crate) fn after_power_cut(&self, rng: &mut impl Rng) -> Self {
        let mut left = Remains::new(&self.platter);
        for change in &self.unsynced {
            match change {
                Change::SetLen(len) if *len < left.newest.len() && rng.random() => break,
                Change::SetLen(len) => left.set_len(*len),
                Change::Write { offset, data } => left.write(*offset, data),
            }
        }
        Self::settled(left.choose(rng))
    }

    fn settled(content: Content) -> Self {
        Self { cache: content.clone(), platter: content, unsynced: Vec::new() }
    }
}

/// What may be left of a file after its changes up to some moment.
struct Remains {
    /// With none of the changes since the last cut of the length.
    oldest: Content,
    /// With all.
    newest: Content,
    /// Each page as it was after each write since then.
    pages: BTreeMap<u64, Vec<Page>>,
    /// Each length that the file had since then.
    lengths: Vec<u64>,
}

impl Remains {
    fn new(platter: &Content) -> Self {
        Self {
            oldest: platter.clone(),
            newest: platter.clone(),
            pages: BTreeMap::new(),
            lengths: vec![platter.len()],
        }
    }

    fn set_len(&mut self, len: u64) {
        if len < self.newest.len() {
            self.oldest.set_len(len);
            self.pages.retain(|number, _| *number < len / PAGE_BYTES);
            self.lengths.clear();
        }
        self.newest.set_len(len);
        self.lengths.push(len);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        self.newest.write(offset, data);
        for (number, ..) in by_page(offset, data.len()) {
            self.pages.entry(number).or_default().push(self.newest.page(number));
        }
        self.lengths.push(self.newest.len());
    }

    fn choose(self, rng: &mut impl Rng) -> Content {
        let mut content = self.oldest;
        for (number, versions) in self.pages {
            let before = content.page(number);
            content.set_page(number, choose_page(&before, &versions, rng));
        }
        content.set_len(self.lengths[rng.random_range(0..self.lengths.len())]);
        content
    }
}

fn choose_page(before: &Page, versions: &[Page], rng: &mut impl Rng) -> Page {
    let reached = rng.random_range(0..=versions.len());
    let version = |number: usize| number.checked_sub(1).map_or(before, |last| &versions[last]);
    let mut page = Arc::clone(version(reached));
    if reached < versions.len() && rng.random() {
        let next = version(reached + 1);
        let sectors = Arc::make_mut(&mut page).chunks_mut(SECTOR_BYTES).zip(next.chunks(SECTOR_BYTES));
        for (sector, next) in sectors.filter(|_| rng.random()) {
            sector.copy_from_slice(next);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn outcomes(file: &File) -> Vec<Vec<u8>> {
        (0..200)
            .map(|seed| file.after_power_cut(&mut StdRng::seed_from_u64(seed)).read(0, usize::MAX))
            .collect()
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_or_may_not() {
        let mut file = File::default();
        file.write(0, &[1; 5000]);
        file.sync();
        file.write(5000, &[2; 5000]);
        let outcomes = outcomes(&file);
        assert!(outcomes.iter().all(|left| left.starts_with(&[1; 5000])));
        assert!(outcomes.iter().any(|left| left.len() == 5000));
        assert!(outcomes.iter().any(|left| left[..] == file.read(0, 10_000)));
        let torn = |left: &Vec<u8>| left.len() == 10_000 && left[5000..8192].contains(&2) && left[8191] == 0;
        assert!(outcomes.iter().any(torn));
        assert_eq!(file.synced().read(0, 10_000), [1; 5000]);
    }

    #[test]
    fn nothing_written_after_a_cut_is_left_without_the_cut() {
        let mut file = File::default();
        file.write(0, &[1; 8192]);
        file.sync();
        file.set_len(100);
        file.write(100, &[2; 8092]);
        for left in outcomes(&file) {
            assert!(left[..100] == [1; 100]);
            assert!(left == [1; 8192] || !left[100..].contains(&1), "old bytes among new ones");
        }
    }
}
