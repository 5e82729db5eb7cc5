//! One suite per trait: every implementation, in process or over HTTP, runs the same cases. They panic with
//! what was promised and what came.

mod master;
mod memory;
mod volumes;

pub use master::master;
pub use memory::MemoryVolumes;
pub use volumes::{VOLUMES_NEEDED, volumes};
