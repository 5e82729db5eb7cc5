//! The operations through s3s, over the real roles in one process.

mod buckets;
mod configuration;
mod copies;
mod deletes;
mod integrity;
mod listings;
mod multipart;
mod objects;
mod world;
