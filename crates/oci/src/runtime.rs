//! Runtime-spec 1.3: the configuration that a container is started from.
