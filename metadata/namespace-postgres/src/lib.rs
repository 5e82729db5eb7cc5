//! namespace-postgres
