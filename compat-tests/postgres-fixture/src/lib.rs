//! postgres-fixture
