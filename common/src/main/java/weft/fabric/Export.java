package weft.fabric;

/// A volume that a storage node offers over NBD, under the volume's name.
public record Export(String volume, NodeId node, boolean readOnly) {}
