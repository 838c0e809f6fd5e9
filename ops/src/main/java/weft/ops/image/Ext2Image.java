package weft.ops.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/// Makes a small ext2 file system (revision 1, "filetype" only; Documentation/filesystems/ext2.rst)
/// with a few files in its root. The same files give the same bytes.
///
/// One block group of 4 KiB blocks: 0 superblock (at byte 1024) · 1 group descriptor · 2 block
/// bitmap · 3 inode bitmap · 4..5 inode table (64 × 128 bytes) · 6 root · 7 lost+found · 8… files.
final class Ext2Image {
    static final int BLOCK_BYTES = 4096;

    private static final int INODE_BYTES = 128;
    private static final int INODES = 64;
    private static final int BLOCK_BITMAP = 2;
    private static final int INODE_BITMAP = 3;
    private static final int INODE_TABLE = 4;
    private static final int ROOT_BLOCK = INODE_TABLE + INODES * INODE_BYTES / BLOCK_BYTES;
    private static final int LOST_FOUND_BLOCK = ROOT_BLOCK + 1;
    private static final int ROOT_INODE = 2;
    private static final int LOST_FOUND_INODE = 11;
    private static final int BLOCKS_PER_GROUP = BLOCK_BYTES * 8;
    private static final int DIRECT_BLOCKS_MAX = 12;
    private static final int DIRECTORY_MODE = 0040755;
    private static final int FILE_MODE = 0100644;

    private final ByteBuffer image;
    private final int blocks;
    private int nextBlock = LOST_FOUND_BLOCK + 1;
    private int nextInode = LOST_FOUND_INODE + 1;

    private Ext2Image(int sizeBytes) {
        blocks = sizeBytes / BLOCK_BYTES;
        image = ByteBuffer.allocate(sizeBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// A file system of this size with the files in its root.
    ///
    /// @param sizeBytes a multiple of 4096, at most 128 MiB (one block group)
    /// @param files content by name; at most 48 KiB each, at most 40 of them
    static byte[] of(int sizeBytes, String label, Map<String, byte[]> files) {
        if (sizeBytes % BLOCK_BYTES != 0
                || sizeBytes < 16 * BLOCK_BYTES
                || sizeBytes > BLOCKS_PER_GROUP * BLOCK_BYTES) {
            throw new IllegalArgumentException("size " + sizeBytes);
        }
        if (files.size() > 40) {
            throw new IllegalArgumentException("more than 40 files");
        }
        var ext2 = new Ext2Image(sizeBytes);
        ext2.write(label, new TreeMap<>(files));
        return ext2.image.array();
    }

    private void write(String label, TreeMap<String, byte[]> files) {
        var root = new Directory(ROOT_BLOCK, ROOT_INODE, ROOT_INODE);
        root.add("lost+found", LOST_FOUND_INODE, Directory.TYPE_DIRECTORY);
        files.forEach((name, content) ->
                root.add(name, writeFile(name, content), Directory.TYPE_REGULAR));
        root.end();
        new Directory(LOST_FOUND_BLOCK, LOST_FOUND_INODE, ROOT_INODE).end();
        // Links of root: itself, its "..", and lost+found's "..".
        writeInode(ROOT_INODE, DIRECTORY_MODE, 3, BLOCK_BYTES, ROOT_BLOCK);
        writeInode(LOST_FOUND_INODE, DIRECTORY_MODE, 2, BLOCK_BYTES, LOST_FOUND_BLOCK);
        fillBitmap(BLOCK_BITMAP, nextBlock, blocks);
        fillBitmap(INODE_BITMAP, nextInode - 1, INODES);
        writeGroupDescriptor();
        writeSuperblock(label);
    }

    private int writeFile(String name, byte[] content) {
        int blockCount = (content.length + BLOCK_BYTES - 1) / BLOCK_BYTES;
        if (blockCount > DIRECT_BLOCKS_MAX || nextBlock + blockCount > blocks) {
            throw new IllegalArgumentException(name + " is too large");
        }
        int first = nextBlock;
        nextBlock += blockCount;
        image.put(first * BLOCK_BYTES, content);
        int inode = nextInode++;
        writeInode(inode, FILE_MODE, 1, content.length, first);
        return inode;
    }

    private void writeInode(int inode, int mode, int links, int sizeBytes, int firstBlock) {
        int at = INODE_TABLE * BLOCK_BYTES + (inode - 1) * INODE_BYTES;
        int blockCount = (sizeBytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
        image.putShort(at, (short) mode);
        image.putInt(at + 4, sizeBytes);
        image.putShort(at + 26, (short) links);
        image.putInt(at + 28, blockCount * (BLOCK_BYTES / 512));
        for (int i = 0; i < blockCount; i++) {
            image.putInt(at + 40 + 4 * i, firstBlock + i);
        }
    }

    /// Sets the bits of what is used, and those beyond the end, which do not exist.
    private void fillBitmap(int block, int used, int end) {
        for (int bit = 0; bit < BLOCK_BYTES * 8; bit++) {
            if (bit < used || bit >= end) {
                int at = block * BLOCK_BYTES + bit / 8;
                image.put(at, (byte) (image.get(at) | 1 << bit % 8));
            }
        }
    }

    private void writeGroupDescriptor() {
        int at = BLOCK_BYTES;
        image.putInt(at, BLOCK_BITMAP);
        image.putInt(at + 4, INODE_BITMAP);
        image.putInt(at + 8, INODE_TABLE);
        image.putShort(at + 12, (short) (blocks - nextBlock));
        image.putShort(at + 14, (short) (INODES - nextInode + 1));
        image.putShort(at + 16, (short) 2);
    }

    private void writeSuperblock(String label) {
        int at = 1024;
        image.putInt(at, INODES);
        image.putInt(at + 4, blocks);
        image.putInt(at + 12, blocks - nextBlock);
        image.putInt(at + 16, INODES - nextInode + 1);
        image.putInt(at + 24, 2); // log2(block size / 1024)
        image.putInt(at + 28, 2);
        image.putInt(at + 32, BLOCKS_PER_GROUP);
        image.putInt(at + 36, BLOCKS_PER_GROUP);
        image.putInt(at + 40, INODES);
        image.putShort(at + 54, (short) -1); // no check after so many mounts
        image.putShort(at + 56, (short) 0xef53);
        image.putShort(at + 58, (short) 1); // clean
        image.putShort(at + 60, (short) 1); // on errors: continue
        image.putInt(at + 76, 1); // revision with dynamic inode sizes
        image.putInt(at + 84, LOST_FOUND_INODE);
        image.putShort(at + 88, (short) INODE_BYTES);
        image.putInt(at + 96, 2); // incompatible feature: directory entries carry types
        image.put(at + 104, "weft-seed-volume".getBytes(StandardCharsets.US_ASCII)); // UUID
        byte[] name = label.getBytes(StandardCharsets.US_ASCII);
        image.put(at + 120, name, 0, Math.min(16, name.length));
    }

    /// One block of directory entries: inode, length of the entry, length and kind of the name,
    /// name. The last entry reaches to the end of the block.
    private final class Directory {
        static final int TYPE_REGULAR = 1;
        static final int TYPE_DIRECTORY = 2;

        private final int start;
        private int at;
        private int last;

        Directory(int block, int self, int parent) {
            start = block * BLOCK_BYTES;
            at = start;
            add(".", self, TYPE_DIRECTORY);
            add("..", parent, TYPE_DIRECTORY);
        }

        void add(String name, int inode, int type) {
            byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
            int length = (8 + bytes.length + 3) & ~3;
            if (at + length > start + BLOCK_BYTES || bytes.length > 255) {
                throw new IllegalArgumentException(name + " does not fit the directory");
            }
            image.putInt(at, inode);
            image.putShort(at + 4, (short) length);
            image.put(at + 6, (byte) bytes.length);
            image.put(at + 7, (byte) type);
            image.put(at + 8, bytes);
            last = at;
            at += length;
        }

        void end() {
            image.putShort(last + 4, (short) (start + BLOCK_BYTES - last));
        }
    }
}
