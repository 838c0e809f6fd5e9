package weft.storage.store;

import java.io.IOException;

/// What a group asks of its store.
interface StoreEvents {
    /// Installs and deletes wait to be durable.
    void settleSoon(GroupStore group);

    /// The disk failed.
    void failed(IOException e);
}
