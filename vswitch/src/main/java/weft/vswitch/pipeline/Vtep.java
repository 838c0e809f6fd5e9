package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;

import java.net.InetSocketAddress;

/// The other end of a tunnel.
///
/// @param host whose switch it is; null if it is external
record Vtep(InetSocketAddress address, @Nullable NodeId host) {
    boolean isExternal() {
        return host == null;
    }
}
