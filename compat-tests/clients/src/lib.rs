//! Real clients doing their real jobs against a real server. The tests are in `tests/`.
