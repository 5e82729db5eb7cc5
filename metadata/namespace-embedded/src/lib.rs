//! namespace-embedded
