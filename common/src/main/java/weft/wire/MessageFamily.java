package weft.wire;

/// The messages of one protocol and their form in bytes.
///
/// Type ids are one space of 16 bits, cut into ranges of 256 by their high byte; a family owns the
/// range of its [#rangeByte()]. A type id once released is never used for another form.
///
/// @param <M> what all its messages are
public interface MessageFamily<M extends WireMessage> {
    /// Range of the storage protocol.
    int STORAGE = 0x01;

    /// Range of live migration.
    int MIGRATION = 0x02;

    /// Range of console streams.
    int CONSOLE = 0x03;

    /// Range of questions about replicas: are they equal?
    int AUDIT = 0x04;

    /// Range of frame captures at a host's switch.
    int CAPTURE = 0x05;

    /// Range of questions about a VM to the host that runs it.
    int VM = 0x06;

    /// Range of questions to the holders of volumes.
    int HOLDER = 0x07;

    /// Range of questions about a host's switch.
    int SWITCH = 0x08;

    /// The high byte of all type ids of this family.
    int rangeByte();

    /// What all its messages are, and nobody else's.
    Class<M> messages();

    /// The type id of a message; its high byte is [#rangeByte()].
    int typeIdOf(M message);

    /// Whether long messages of the type are kept by nobody who does not hold their
    /// [WireMessage#memory()], as far as they tell of any: they are then received into a
    /// [MemoryPool].
    default boolean isCounted(int typeId) {
        return false;
    }

    /// Writes the message's fields.
    void encode(M message, WireWriter out);

    /// Reads a message; the bytes are hostile, and all of them are its own.
    ///
    /// @throws MalformedMessage if the type id is unknown or the bytes are no such message
    default M decode(int typeId, WireReader in) throws MalformedMessage {
        try {
            M message = decodeFields(typeId, in);
            in.end();
            return message;
        } catch (IllegalArgumentException e) {
            // The records check what they hold; here that means a peer sent nonsense.
            throw new MalformedMessage("message 0x%04x: %s".formatted(typeId, e.getMessage()));
        }
    }

    /// Reads the fields of a message, as [#encode] wrote them.
    ///
    /// @throws MalformedMessage if the type id is unknown or a field is no such thing
    /// @throws IllegalArgumentException if a record refuses what it is given
    M decodeFields(int typeId, WireReader in) throws MalformedMessage;
}
