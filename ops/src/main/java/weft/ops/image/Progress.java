package weft.ops.image;

/// Whoever watches a download or another long piece of work.
@FunctionalInterface
public interface Progress {
    /// Nobody watches.
    Progress NONE =
            (_, _) ->
                    new Step() {
                        @Override
                        public void add(long bytes) {}

                        @Override
                        public void close() {}
                    };

    /// Work begins.
    ///
    /// @param totalBytes negative if unknown
    Step begin(String label, long totalBytes);

    /// One piece of work; closed when it ends, however it ends.
    interface Step extends AutoCloseable {
        /// So many bytes more were done.
        void add(long bytes);

        @Override
        void close();
    }
}
