mod client;
mod master;
mod volumes;

pub use client::{HttpClient, HttpSettings};
pub use master::HttpMaster;
pub use volumes::HttpVolumes;

#[cfg(test)]
mod tests;
