package weft.ops.bench.net;

/// Where programs run that speak to the other station.
///
/// @param namespace `a`, `b`, or `s`
record Station(Lab lab, String namespace, String address) {}
