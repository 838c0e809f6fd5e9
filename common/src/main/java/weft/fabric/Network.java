package weft.fabric;

/// A virtual network: frames never leave it.
///
/// @param vlan the 802.1Q VLAN id at the edges, 1..4094
/// @param vni the VXLAN network identifier between hosts, 24 bits
/// @param subnet the IPv4 subnet from which NICs get addresses, as `10.0.0.0/24`
public record Network(String name, int vlan, int vni, String subnet) {
    public Network {
        FabricName.check("network", name);
        if (vlan < 1 || vlan > 4094) {
            throw new IllegalArgumentException("VLAN id %d is not in 1..4094".formatted(vlan));
        }
        if (vni < 1 || vni > 0xff_ffff) {
            throw new IllegalArgumentException("VNI %d is not in 1..16777215".formatted(vni));
        }
    }
}
