//! The store on a real server: the suite of every store, and what only this one promises.

mod conformance;
mod connecting;
mod faults;
mod fixture;
mod listing_cost;
mod races;
mod sql;
