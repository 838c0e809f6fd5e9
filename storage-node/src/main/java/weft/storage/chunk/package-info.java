/// Chunks on disk: one sparse file for each layer's part of a chunk, and its block map. Committed
/// mutations are written in place here, after the journal has made them durable. A large write gets
/// free blocks of the file, to which the journal's data writers write it, and then only the map
/// changes.
///
/// Reading order: [weft.storage.chunk.BlockMap] (what is mapped), [weft.storage.chunk.ChunkFile]
/// (the bytes), [weft.storage.chunk.ChunkStore] (one placement group's chunks: apply and read),
/// [weft.storage.chunk.ChunkWriter], [weft.storage.chunk.FileBlocks] and
/// [weft.storage.chunk.Placements] (which blocks of a file may be written),
/// [weft.storage.chunk.BlocksRead].
@NullMarked
package weft.storage.chunk;

import org.jspecify.annotations.NullMarked;
