package weft.wire.storage;

/// What a member's maps say of one chunk, in short. Equal digests mean that reads are answered
/// alike, as long as the media hold what the maps say.
///
/// @param mappedBlocks the blocks that the chunk's layer has, zeroes among them
/// @param crc CRC32C over (block, checksum) of each mapped block, ascending; a block of zeroes has
///   the checksum of zeroes, stored or not
public record MapDigest(ChunkStamp stamp, int mappedBlocks, int crc) {
    @Override
    public String toString() {
        return "v%d.%d, %d blocks, %08x"
                .formatted(stamp.version(), stamp.sequence(), mappedBlocks, crc);
    }
}
