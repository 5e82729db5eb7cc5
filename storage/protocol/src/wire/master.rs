use serde::{Deserialize, Serialize};
use types::{FileId, InvalidFileId, VolumeId};

use super::path;
use crate::{AssignRequest, Assignment, Location};

/// Path and query of an assign. Every value is plain ASCII by its type: nothing needs escaping.
pub fn assign_path(request: &AssignRequest) -> String {
    let AssignRequest { count, collection, placement, ttl } = request;
    format!("{}?count={count}&collection={collection}&replication={placement}&ttl={ttl}", path::ASSIGN)
}

/// Path and query of a lookup.
pub fn lookup_path(volume: VolumeId) -> String {
    format!("{}?volumeId={volume}", path::LOOKUP)
}

/// What `/dir/assign` answers: the first address of the lease, `count` keys from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "weed's words")]
pub struct AssignAnswer {
    pub fid: String,
    pub url: String,
    pub public_url: String,
    pub count: u64,
    /// The other copies, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Location>,
}

impl From<&Assignment> for AssignAnswer {
    fn from(assignment: &Assignment) -> Self {
        let mut locations = assignment.locations.iter().cloned();
        let first = locations.next().unwrap_or(Location { url: String::new(), public_url: String::new() });
        Self {
            fid: assignment.first().to_string(),
            url: first.url,
            public_url: first.public_url,
            count: assignment.count,
            replicas: locations.collect(),
        }
    }
}

impl TryFrom<AssignAnswer> for Assignment {
    type Error = InvalidFileId;

    fn try_from(answer: AssignAnswer) -> Result<Self, InvalidFileId> {
        let AssignAnswer { fid, url, public_url, count, replicas } = answer;
        let FileId { volume, key: first_key, cookie } = fid.parse()?;
        let locations = std::iter::once(Location { url, public_url }).chain(replicas).collect();
        Ok(Self { volume, first_key, count, cookie, locations })
    }
}

/// What `/dir/lookup` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "weed's words")]
pub struct LookupAnswer {
    pub volume_id: String,
    pub locations: Vec<Location>,
}

#[cfg(test)]
mod tests {
    use types::{Cookie, NeedleKey};

    use super::*;

    #[test]
    fn an_assignment_survives_the_wire() {
        let at = |port: u16| Location { url: format!("a:{port}"), public_url: format!("b:{port}") };
        let assignment = Assignment {
            volume: VolumeId(5),
            first_key: NeedleKey(1),
            count: 3,
            cookie: Cookie(0x6370_37d6),
            locations: vec![at(1), at(2)],
        };
        let json = serde_json::to_string(&AssignAnswer::from(&assignment)).expect("serialises");
        assert_eq!(
            json,
            r#"{"fid":"5,01637037d6","url":"a:1","publicUrl":"b:1","count":3,"replicas":[{"url":"a:2","publicUrl":"b:2"}]}"#
        );
        let answer: AssignAnswer = serde_json::from_str(&json).expect("parses");
        assert_eq!(Assignment::try_from(answer), Ok(assignment));
    }

    #[test]
    fn paths() {
        let request = AssignRequest {
            count: 2,
            collection: "pics".parse().expect("a collection"),
            placement: "001".parse().expect("a placement"),
            ttl: "3m".parse().expect("a ttl"),
        };
        assert_eq!(assign_path(&request), "/dir/assign?count=2&collection=pics&replication=001&ttl=3m");
        assert_eq!(lookup_path(VolumeId(7)), "/dir/lookup?volumeId=7");
    }
}
