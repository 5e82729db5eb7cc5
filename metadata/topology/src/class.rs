use std::fmt;

use serde::{Deserialize, Serialize};
use types::{Collection, Placement, Ttl};

/// What makes volumes interchangeable for a writer: a lease for a class may land on any writable volume of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Class {
    pub collection: Collection,
    pub placement: Placement,
    pub ttl: Ttl,
}

/// As weed prints it in its refusals.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, placement, ttl } = self;
        write!(f, r#"{{"collection":"{collection}","replication":"{placement}","ttl":"{ttl}"}}"#)
    }
}
