use super::Location;

/// Rows of a full block.
pub(super) const BLOCK_ROWS: usize = 256;

/// What the allocator adds to a block's rows, and rounds them up to.
const ALLOCATION_BYTES: usize = 16;

/// Some needles with neighbouring keys, sorted: key less the first key, offset less the lowest offset, size; each
/// in as few bytes as the largest in this block needs.
pub(super) struct Block {
    rows: Box<[u8]>,
    lowest_units: u64,
    key_bytes: u8,
    units_bytes: u8,
    size_bytes: u8,
}

impl Block {
    /// `rows` are sorted by key and not empty.
    pub(super) fn pack(rows: &[(u64, Location)]) -> Self {
        let first = rows.first().map_or(0, |row| row.0);
        let last = rows.last().map_or(0, |row| row.0);
        let lowest_units = rows.iter().map(|row| row.1.units).min().unwrap_or(0);
        let highest_units = rows.iter().map(|row| row.1.units).max().unwrap_or(0);
        let largest_size = rows.iter().map(|row| row.1.size).max().unwrap_or(0);
        let (key_bytes, units_bytes, size_bytes) =
            (width(last - first), width(highest_units - lowest_units), width(largest_size.into()));
        let row_bytes = usize::from(key_bytes + units_bytes + size_bytes);
        let mut packed = Vec::with_capacity(rows.len() * row_bytes);
        for (key, location) in rows {
            push(&mut packed, key - first, key_bytes);
            push(&mut packed, location.units - lowest_units, units_bytes);
            push(&mut packed, location.size.into(), size_bytes);
        }
        Self { rows: packed.into_boxed_slice(), lowest_units, key_bytes, units_bytes, size_bytes }
    }

    /// `first` is the key of the first row.
    pub(super) fn get(&self, first: u64, key: u64) -> Option<Location> {
        let wanted = key.checked_sub(first)?;
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(&wanted) {
                std::cmp::Ordering::Equal => return Some(self.location(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn unpack(&self, first: u64, out: &mut Vec<(u64, Location)>) {
        out.extend((0..self.len()).map(|row| (first + self.key(row), self.location(row))));
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.len().next_multiple_of(ALLOCATION_BYTES) + ALLOCATION_BYTES
    }

    fn len(&self) -> usize {
        self.rows.len() / self.row_bytes()
    }

    fn row_bytes(&self) -> usize {
        usize::from(self.key_bytes + self.units_bytes + self.size_bytes)
    }

    fn key(&self, row: usize) -> u64 {
        field(&self.rows, row * self.row_bytes(), self.key_bytes)
    }

    fn location(&self, row: usize) -> Location {
        let units_at = row * self.row_bytes() + usize::from(self.key_bytes);
        let size_at = units_at + usize::from(self.units_bytes);
        Location {
            units: self.lowest_units + field(&self.rows, units_at, self.units_bytes),
            size: u32::try_from(field(&self.rows, size_at, self.size_bytes)).unwrap_or(u32::MAX),
        }
    }
}

/// Bytes that hold `most`, at least 1.
fn width(most: u64) -> u8 {
    (1..8).find(|bytes| most < 1 << (8 * bytes)).unwrap_or(8)
}

fn push(out: &mut Vec<u8>, value: u64, bytes: u8) {
    out.extend_from_slice(&value.to_le_bytes()[..bytes.into()]);
}

fn field(rows: &[u8], at: usize, bytes: u8) -> u64 {
    // One load of 8 bytes where the block has them is several times faster than a copy of unknown length.
    if let Some(eight) = rows.get(at..).and_then(<[u8]>::first_chunk) {
        return u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * u32::from(bytes)));
    }
    let mut eight = [0; 8];
    eight[..bytes.into()].copy_from_slice(&rows[at..at + usize::from(bytes)]);
    u64::from_le_bytes(eight)
}
