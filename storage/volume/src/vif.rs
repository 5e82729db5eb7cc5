//! The `.vif` file: what SeaweedFS knows of a volume besides its data, as protojson.
//! Source: SeaweedFS `pb/volume_server.proto` (`VolumeInfo`), `storage/volume_info/volume_info.go`.

use serde_json::{Map, Value};

use crate::{IndexWidth, superblock::Version};

/// Longer files are refused unread.
pub(crate) const MAX_VIF_BYTES: u64 = 1 << 20;

/// What we heed of a `.vif`. Absent fields are zero or empty, as in protobuf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Vif {
    /// Data files on a remote tier.
    pub(crate) remote_files: usize,
    /// Overrides the superblock's, unless 0.
    pub(crate) version: u64,
    /// Overrides the superblock's, unless empty.
    pub(crate) replication: String,
    /// Of the index file's offsets; 0 where unknown.
    pub(crate) bytes_offset: u64,
    /// When a volume with a TTL was planned to end.
    pub(crate) expire_at_secs: u64,
    pub(crate) read_only: bool,
}

impl Vif {
    pub(crate) fn new(width: IndexWidth, expire_at_secs: u64) -> Self {
        Self {
            version: Version::V3 as u64,
            bytes_offset: width.offset_bytes() as u64,
            expire_at_secs,
            ..Self::default()
        }
    }

    /// In the form of SeaweedFS 4: all fields, 64-bit numbers as texts, two spaces of indent.
    pub(crate) fn encode(&self) -> String {
        format!(
            r#"{{
  "files": [],
  "version": {version},
  "replication": "{replication}",
  "bytesOffset": {bytes_offset},
  "datFileSize": "0",
  "expireAtSec": "{expire_at_secs}",
  "readOnly": {read_only},
  "ecShardConfig": null,
  "readOnlyCanDelete": false
}}"#,
            version = self.version,
            replication = self.replication,
            bytes_offset = self.bytes_offset,
            expire_at_secs = self.expire_at_secs,
            read_only = self.read_only,
        )
    }

    /// Reads today's names, the names in the proto file, and those of old versions. An empty file is an absent
    /// one: `None`. Fails with what is wrong, for the operator.
    pub(crate) fn decode(text: &[u8]) -> Result<Option<Self>, String> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let fields: Map<String, Value> =
            serde_json::from_slice(text).map_err(|error| format!("not a JSON object: {error}"))?;
        let files = get(&fields, &["files"]);
        Ok(Some(Self {
            remote_files: files.and_then(Value::as_array).map_or(0, Vec::len),
            version: number(&fields, &["version"])?,
            replication: text_of(&fields, "replication")?,
            bytes_offset: number(&fields, &["bytesOffset", "bytes_offset", "BytesOffset"])?,
            expire_at_secs: number(
                &fields,
                &["expireAtSec", "expire_at_sec", "DestroyTime", "destroyTime", "destroy_time"],
            )?,
            read_only: flag(&fields, &["readOnly", "read_only"])?,
        }))
    }
}

fn get<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| fields.get(*name)).filter(|value| !value.is_null())
}

/// A number, plain or as text: both are protojson.
fn number(fields: &Map<String, Value>, names: &[&str]) -> Result<u64, String> {
    let Some(value) = get(fields, names) else { return Ok(0) };
    let number = match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    number.ok_or_else(|| format!("{} is not a number", names[0]))
}

fn text_of(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    let Some(value) = get(fields, &[name]) else { return Ok(String::new()) };
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} is not a text"))
}

fn flag(fields: &Map<String, Value>, names: &[&str]) -> Result<bool, String> {
    let Some(value) = get(fields, names) else { return Ok(false) };
    value.as_bool().ok_or_else(|| format!("{} is neither true nor false", names[0]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn todays_and_old_names() {
        let today = r#"{"files":  [], "version":  3, "bytesOffset":  5, "expireAtSec":  "1921459999",
            "datFileSize": "0", "ecShardConfig": null, "readOnly": true}"#;
        let expected = Vif {
            version: 3,
            bytes_offset: 5,
            expire_at_secs: 1_921_459_999,
            read_only: true,
            ..Vif::default()
        };
        assert_eq!(Vif::decode(today.as_bytes()), Ok(Some(expected.clone())));
        let old = r#"{"version":3,"BytesOffset":5,"DestroyTime":"1921459999","read_only":true}"#;
        assert_eq!(Vif::decode(old.as_bytes()), Ok(Some(expected)));
    }

    #[test]
    fn empty_is_absent_and_nonsense_is_refused() {
        assert_eq!(Vif::decode(b" \n"), Ok(None));
        for bad in ["[]", "{", r#"{"version":-1}"#, r#"{"bytesOffset":"x"}"#, r#"{"readOnly":1}"#] {
            assert!(Vif::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn remote_files_are_counted() {
        let vif = Vif::decode(br#"{"files":[{"backendType":"s3"}]}"#);
        assert_eq!(vif.map(|vif| vif.map(|vif| vif.remote_files)), Ok(Some(1)));
    }

    #[test]
    fn golden() {
        assert_eq!(
            Vif::new(IndexWidth::Four, 7).encode(),
            "{\n  \"files\": [],\n  \"version\": 3,\n  \"replication\": \"\",\n  \"bytesOffset\": 4,\n  \
             \"datFileSize\": \"0\",\n  \"expireAtSec\": \"7\",\n  \"readOnly\": false,\n  \
             \"ecShardConfig\": null,\n  \"readOnlyCanDelete\": false\n}"
        );
    }

    proptest! {
        #[test]
        fn round_trips(expire_at_secs: u64, five: bool) {
            let width = if five { IndexWidth::Five } else { IndexWidth::Four };
            let vif = Vif::new(width, expire_at_secs);
            prop_assert_eq!(Vif::decode(vif.encode().as_bytes()), Ok(Some(vif)));
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = Vif::decode(&text);
        }
    }
}
