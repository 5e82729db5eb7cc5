//! volume-server
