package weft.coordination;

import weft.fabric.Attachment;
import weft.fabric.Cluster;
import weft.fabric.Export;
import weft.fabric.Image;
import weft.fabric.Migration;
import weft.fabric.Network;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolSettings;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.fabric.StoreId;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

/// Where each noun is kept. The whole layout:
///
/// ```
/// /weft/cluster                    Cluster, once
/// /weft/settings                   PoolSettings, once somebody set one
/// /weft/ids/volume                 VolumeIds: the next id
/// /weft/pgs/<decimal id>           Configuration of a placement group
/// /weft/stores/<store id>          PoolStore: how much a store is to carry
/// /weft/presence/<role>/<node>     NodePresence, ephemeral
/// /weft/volumes/<name>             Volume
/// /weft/attachments/<volume id>    Attachment
/// /weft/exports/<volume name>      Export
/// /weft/images/<name>              Image
/// /weft/networks/<name>            Network
/// /weft/groups/<name>              SecurityGroup
/// /weft/vlans/<id>                 the name of the network that has the VLAN id
/// /weft/ports/<vm>-<index>         PortBinding
/// /weft/vms/<name>                 VmSpec: what a person wants
/// /weft/placements/<vm>            VmPlacement: who runs it
/// /weft/migrations/<vm>            Migration: the last one
/// /weft/merge                      LayerMerge.Intent: the merge of layers that is under way
/// /weft/control/seat               election of the acting control process
/// /weft/control/janitor            election of the one that merges layers
/// ```
public final class FabricPaths {
    /// Everything is below.
    public static final String ROOT = "/weft";

    public static final String CLUSTER = "/weft/cluster";
    public static final String SETTINGS = "/weft/settings";
    public static final String VOLUME_IDS = "/weft/ids/volume";
    public static final String VOLUMES = "/weft/volumes";
    public static final String MERGE = "/weft/merge";
    public static final String PLACEMENT_GROUPS = "/weft/pgs";
    public static final String STORES = "/weft/stores";
    public static final String CONTROL_SEAT = "/weft/control/seat";
    public static final String JANITOR_SEAT = "/weft/control/janitor";

    private FabricPaths() {}

    /// The path of a kind of record with the given name.
    public static String of(Kind kind, String name) {
        return ROOT + "/" + kind.folder + "/" + name;
    }

    public static String placementGroup(PlacementGroupId pg) {
        return PLACEMENT_GROUPS + "/" + pg.value();
    }

    public static String store(StoreId store) {
        return STORES + "/" + store.uuid();
    }

    public static String presence(NodePresence.Role role, String node) {
        return of(Kind.PRESENCE, role.lowerCase() + "/" + node);
    }

    public static String volume(String name) {
        return of(Kind.VOLUME, name);
    }

    public static String attachment(VolumeId id) {
        return of(Kind.ATTACHMENT, Long.toString(id.value()));
    }

    public static String export(String volume) {
        return of(Kind.EXPORT, volume);
    }

    public static String image(String name) {
        return of(Kind.IMAGE, name);
    }

    public static String network(String name) {
        return of(Kind.NETWORK, name);
    }

    public static String group(String name) {
        return of(Kind.GROUP, name);
    }

    /// Reserves a VLAN id, and with it a VNI, for one network.
    public static String vlan(int id) {
        return ROOT + "/vlans/" + id;
    }

    public static String port(String port) {
        return of(Kind.PORT, port);
    }

    public static String vm(String name) {
        return of(Kind.VM, name);
    }

    public static String placement(String vm) {
        return of(Kind.PLACEMENT, vm);
    }

    public static String migration(String vm) {
        return of(Kind.MIGRATION, vm);
    }

    /// The kinds of records that a FabricImage holds.
    public enum Kind {
        PRESENCE("presence", NodePresence.class),
        VOLUME("volumes", Volume.class),
        ATTACHMENT("attachments", Attachment.class),
        EXPORT("exports", Export.class),
        IMAGE("images", Image.class),
        NETWORK("networks", Network.class),
        GROUP("groups", SecurityGroup.class),
        PORT("ports", PortBinding.class),
        VM("vms", VmSpec.class),
        PLACEMENT("placements", VmPlacement.class),
        MIGRATION("migrations", Migration.class),
        CLUSTER("cluster", Cluster.class),
        SETTINGS("settings", PoolSettings.class);

        private final String folder;
        private final Class<? extends Record> type;

        Kind(String folder, Class<? extends Record> type) {
            this.folder = folder;
            this.type = type;
        }

        /// The noun kept there.
        public Class<? extends Record> type() {
            return type;
        }

        /// The folder below [#ROOT].
        public String folder() {
            return folder;
        }
    }
}
