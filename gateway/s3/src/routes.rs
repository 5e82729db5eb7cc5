//! Requests that s3s would take for another operation, refused before it sees them.
//!
//! s3s looks for the sub-resources that an operation of the method has, and takes everything else for the plain
//! operation: `DELETE /bucket/key?acl` would delete the object, `PUT /bucket?abac` make a bucket. AWS refuses these.

use http::Method;

use crate::{error::Refusal, query::Query, target::Level};

/// Refuses a sub-resource that the method has no operation for.
pub(crate) fn check(method: &Method, level: Level, query: &Query<'_>) -> Result<(), Refusal> {
    if query.is_empty() {
        return Ok(());
    }
    if let Some((name, _)) = query.iter().find(|(name, _)| UNKNOWN_TO_S3S.contains(name)) {
        return Err(Refusal::new(
            "NotImplemented",
            format!("{method} of the sub-resource {name:?} is not implemented."),
        ));
    }
    let Some(routed) = routed(method, level) else { return Ok(()) };
    let stray = query.iter().find(|(name, _)| SUBRESOURCES.contains(name) && !routed.contains(name));
    if let Some((name, _)) = stray {
        return Err(Refusal::of("MethodNotAllowed")
            .with("Method", method.as_str())
            .with("ResourceType", name.to_ascii_uppercase()));
    }
    check_part(method, level, query)
}

/// A PUT of a part names both its upload and its number: with one of them it would be a PUT of the object.
fn check_part(method: &Method, level: Level, query: &Query<'_>) -> Result<(), Refusal> {
    if method == Method::PUT && level == Level::Object && query.has("uploadId") != query.has("partNumber") {
        return Err(Refusal::new("InvalidArgument", "A part needs both uploadId and partNumber."));
    }
    Ok(())
}

const UNKNOWN_TO_S3S: &[&str] = &[
    "abac",
    "annotation",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "renameObject",
];

const SUBRESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploads",
    "versioning",
    "versions",
    "website",
];

/// The sub-resources that s3s 0.14.1 has an operation for. `None`: it refuses all others of this kind by itself.
fn routed(method: &Method, level: Level) -> Option<&'static [&'static str]> {
    Some(match (method.as_str(), level) {
        ("GET", Level::Bucket) => &[
            "accelerate",
            "acl",
            "analytics",
            "cors",
            "encryption",
            "intelligent-tiering",
            "inventory",
            "lifecycle",
            "location",
            "logging",
            "metadataTable",
            "metrics",
            "notification",
            "object-lock",
            "ownershipControls",
            "policy",
            "policyStatus",
            "publicAccessBlock",
            "replication",
            "requestPayment",
            "session",
            "tagging",
            "uploads",
            "versioning",
            "versions",
            "website",
        ],
        ("PUT", Level::Bucket) => &[
            "accelerate",
            "acl",
            "analytics",
            "cors",
            "encryption",
            "intelligent-tiering",
            "inventory",
            "lifecycle",
            "logging",
            "metrics",
            "notification",
            "object-lock",
            "ownershipControls",
            "policy",
            "publicAccessBlock",
            "replication",
            "requestPayment",
            "tagging",
            "versioning",
            "website",
        ],
        ("DELETE", Level::Bucket) => &[
            "analytics",
            "cors",
            "encryption",
            "intelligent-tiering",
            "inventory",
            "lifecycle",
            "metadataTable",
            "metrics",
            "ownershipControls",
            "policy",
            "publicAccessBlock",
            "replication",
            "tagging",
            "website",
        ],
        ("GET", Level::Object) => &["acl", "attributes", "legal-hold", "retention", "tagging", "torrent"],
        ("PUT", Level::Object) => &["acl", "legal-hold", "retention", "tagging"],
        ("DELETE", Level::Object) => &["tagging"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &Method, level: Level, query: &str) -> Option<&'static str> {
        let query = Query::parse(Some(query)).expect("a query");
        check(method, level, &query).err().map(|refusal| refusal.code)
    }

    #[test]
    fn stray_subresources_never_become_another_operation() {
        for (method, level, query, expected) in [
            (Method::DELETE, Level::Object, "acl", Some("MethodNotAllowed")),
            (Method::DELETE, Level::Bucket, "versioning", Some("MethodNotAllowed")),
            (Method::DELETE, Level::Object, "uploadId=1", None),
            (Method::DELETE, Level::Object, "versionId=1", None),
            (Method::PUT, Level::Object, "restore", Some("MethodNotAllowed")),
            (Method::PUT, Level::Object, "renameObject", Some("NotImplemented")),
            (Method::PUT, Level::Bucket, "abac", Some("NotImplemented")),
            (Method::PUT, Level::Object, "uploadId=1", Some("InvalidArgument")),
            (Method::PUT, Level::Object, "partNumber=1", Some("InvalidArgument")),
            (Method::PUT, Level::Object, "partNumber=1&uploadId=1", None),
            (Method::GET, Level::Object, "partNumber=1", None),
            (Method::GET, Level::Bucket, "list-type=2&prefix=acl", None),
            (Method::GET, Level::Bucket, "torrent", Some("MethodNotAllowed")),
            (Method::GET, Level::Object, "x-id=GetObject", None),
            (Method::POST, Level::Bucket, "delete", None),
        ] {
            assert_eq!(code(&method, level, query), expected, "{method} {level:?} {query}");
        }
    }
}
