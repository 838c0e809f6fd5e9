package weft.vmhost.agent;

import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.wire.WireMessage;
import weft.wire.migration.MigrationMessage;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/// VMs that are on their way to this host, by the id of their migration: finds the machine that a
/// message is for.
final class Arrivals implements Endpoint {
    private final Map<UUID, ArrivingVm> byMigration = new ConcurrentHashMap<>();

    void add(ArrivingVm vm) {
        byMigration.put(vm.migration().id(), vm);
    }

    void remove(ArrivingVm vm) {
        byMigration.remove(vm.migration().id());
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        if (!(message instanceof MigrationMessage migrationMessage)) {
            caller.fail("not a message of a migration");
            return;
        }
        ArrivingVm vm = byMigration.get(migrationMessage.migration());
        if (vm == null) {
            caller.reply(
                    new MigrationMessage.NotCommitted(
                            migrationMessage.migration(),
                            "this host does not wait for that migration"));
            return;
        }
        Handshake peer = caller.peer();
        if (peer.role() != Role.HOST || !peer.nodeId().equals(vm.migration().from())) {
            // It cannot be that source: the VM goes on waiting for its own.
            caller.garbage(peer.nodeId() + " is not where the VM comes from");
            return;
        }
        vm.incoming().onMessage(migrationMessage, caller);
    }
}
