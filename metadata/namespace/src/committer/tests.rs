mod faults;
mod model;
