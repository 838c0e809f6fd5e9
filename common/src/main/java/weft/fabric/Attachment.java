package weft.fabric;

/// Who may write a volume: a persistent record, raised by compare-and-set with each new holder and
/// each start of a VM. Losing a session takes nothing away; only a new claim does.
///
/// @param holder in words: `vm web1 @ host1`, `nbd @ node2`
/// @param token the fencing token: storage nodes refuse requests with a lower one than they have
///   seen
public record Attachment(VolumeId volume, String holder, long token) {}
