#[cfg(any(test, feature = "faulty"))]
pub mod faulty;
mod real;

use std::{
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

pub use real::RealDisk;

/// A file system, as far as volumes need one. Calls block, except [`DiskFile::try_read_at`].
pub trait Disk: Send + Sync + 'static {
    /// Opens a file that is there, to read and write.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, or empties the one that is there. Durable after [`Disk::sync_dir`].
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a directory; one that is there is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file a new name, replacing what had that name. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory, sorted; names that are not UTF-8 are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file. Many threads may use it at once.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads at `offset` until `buf` is full or the file ends; the number of bytes read.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// As [`DiskFile::read_at`], but without waiting for the device: it may read less, and where nothing is in
    /// memory it fails with `WouldBlock`.
    fn try_read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`; the number of bytes written, which may be fewer than given.
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Makes the data, and the length it needs, durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or extends the file.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;
}

/// Writes all of `bufs` at `offset`.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
    let mut at = offset;
    IoSlice::advance_slices(&mut bufs, 0); // drops empty leading buffers
    while !bufs.is_empty() {
        match file.write_vectored_at(bufs, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                IoSlice::advance_slices(&mut bufs, written);
                at += written as u64;
            }
        }
    }
    Ok(())
}

/// Makes a file with this content, its data durable; its name is so after [`Disk::sync_dir`].
pub(crate) fn write_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    write_all_at(&*file, &mut [IoSlice::new(content)], 0)?;
    file.sync_data()
}

/// The whole of a file that should be small.
pub(crate) fn read_file(file: &dyn DiskFile, most_bytes: u64) -> io::Result<Vec<u8>> {
    let bytes = file.len_bytes()?;
    if bytes > most_bytes {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{bytes} bytes, at most {most_bytes}"),
        ));
    }
    let mut content = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(content)
}
