package weft.wire;

/// The messages of one protocol and their form in bytes.
///
/// Type ids are one space of 16 bits, cut into ranges of 256 by their high byte; a family owns the
/// range of its [#rangeByte()]. A type id once released is never used for another form.
public interface MessageFamily {
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

    /// The high byte of all type ids of this family.
    int rangeByte();

    /// Whether the message is one of this family's.
    boolean contains(WireMessage message);

    /// The type id of a message of this family; its high byte is [#rangeByte()].
    int typeIdOf(WireMessage message);

    /// Writes the message's fields.
    void encode(WireMessage message, WireWriter out);

    /// Reads the fields of a message; the bytes are hostile. Must leave nothing unread.
    ///
    /// @throws MalformedMessage if the type id is unknown or the bytes are no such message
    WireMessage decode(int typeId, WireReader in) throws MalformedMessage;
}
