package weft.vmhost.snapshot;

/// One part of a snapshot: a device's state, a hart's.
///
/// @param version of the content's form
/// @param content not copied; not to be changed
public record Section(String name, int version, byte[] content) {}
