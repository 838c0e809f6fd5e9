package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;

import java.util.Optional;

/// A replica at one moment, for status pages.
///
/// @param role Idle, Joining, Backup or Primary
public record ReplicaStatus(
        PlacementGroupId pg,
        Member self,
        String role,
        Optional<Configuration> configuration,
        long committed,
        long durable,
        long tail) {}
