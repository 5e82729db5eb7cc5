//! Rows as the tables hold them: what is read from a result, and what is written into the composite types.
//!
//! Column lists stand beside the functions that read them: one must follow the other. The suite's round trips hold
//! them together.

mod chunks;
mod headers;
mod read;
mod write;

pub(crate) use read::{
    BUCKET_WIDTH, Columns, OBJECT_WIDTH, UPLOAD_WIDTH, bucket, bucket_columns, entry, key_text, needles,
    object, object_columns, part, part_columns, timestamp, upload, upload_columns,
};
pub(crate) use write::{BucketRow, FreedRow, ObjectRow, PartRow, UploadRow};
