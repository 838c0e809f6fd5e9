package weft.coordination;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.transport.NodeAddress;
import weft.transport.Peers;

import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.function.Supplier;

/// Where VM hosts are, by the presence records of the newest picture.
///
/// @param image the newest picture of the fabric
public record HostAddresses(Supplier<FabricImage> image) implements Peers.AddressBook {
    @Override
    public Optional<InetSocketAddress> addressOf(NodeId host) {
        return image.get()
                .presence(NodePresence.Role.HOST, host)
                .flatMap(presence -> NodeAddress.parse(presence.address()));
    }
}
