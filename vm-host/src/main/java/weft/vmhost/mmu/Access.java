package weft.vmhost.mmu;

/// What a translation is for. An AMO asks as STORE.
public enum Access {
    FETCH,
    LOAD,
    STORE
}
