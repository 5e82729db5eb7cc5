//! What must hold when processes die, clients race and input is bad. The tests are in `tests/`.
