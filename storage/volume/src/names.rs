//! File names of volumes: `[collection_]id.extension`, the collection ending at the last underscore.

use std::path::{Path, PathBuf};

use types::{Collection, VolumeId};

/// Where set-aside files go, beside the volumes.
const QUARANTINE: &str = "quarantine";

/// The files of one volume.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    dir: PathBuf,
    stem: String,
}

impl Names {
    pub(crate) fn new(dir: &Path, collection: &Collection, id: VolumeId) -> Self {
        Self { dir: dir.to_owned(), stem: stem(collection, id) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn stem(&self) -> &str {
        &self.stem
    }

    /// The path of the file with this extension, given without a dot.
    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.stem))
    }
}

/// The name of the file with this extension.
pub(crate) fn file_name(collection: &Collection, id: VolumeId, extension: &str) -> String {
    format!("{}.{extension}", stem(collection, id))
}

/// Where files of `dir` are set aside.
pub(crate) fn quarantine(dir: &Path) -> PathBuf {
    dir.join(QUARANTINE)
}

fn stem(collection: &Collection, id: VolumeId) -> String {
    if collection.is_default() { id.to_string() } else { format!("{collection}_{id}") }
}

/// Collection, id and extension of a file name; `None` for files that are not a volume's.
pub(crate) fn parse(name: &str) -> Option<(Collection, VolumeId, &str)> {
    let (stem_text, extension) = name.rsplit_once('.')?;
    let (collection, id) = stem_text.rsplit_once('_').unwrap_or(("", stem_text));
    let (collection, id) = (collection.parse().ok()?, id.parse().ok()?);
    // `007.dat` or `_7.dat` would be opened under another name.
    (stem(&collection, id) == stem_text).then_some((collection, id, extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, u32, &str)>) {
        let parts = parse(name);
        let parts = parts.as_ref().map(|(collection, id, extension)| (collection.as_str(), id.0, *extension));
        assert_eq!(parts, expected, "{name:?}");
    }

    #[test]
    fn file_names() {
        check("3.dat", Some(("", 3, "dat")));
        check("my_dear.bucket_12.idx", Some(("my_dear.bucket", 12, "idx")));
        check("ec_22.ec00", Some(("ec", 22, "ec00")));
        check("a_1.dat.new", None);
        check("007.dat", None);
        check("_7.dat", None);
        check("x.dat", None);
        check("7", None);
        check("4294967296.dat", None);
        check("vol_dir.uuid", None);
    }

    #[test]
    fn paths_parse_back() {
        let collection: Collection = "a_b".parse().expect("collection");
        let path = Names::new(Path::new("/d"), &collection, VolumeId(9)).path("vif");
        assert_eq!(path, Path::new("/d/a_b_9.vif"));
        assert_eq!(parse("a_b_9.vif"), Some((collection, VolumeId(9), "vif")));
    }
}
