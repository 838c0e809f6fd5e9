package weft.vmhost.isa;

/// Operation numbers of the decoded form: dense, so that an engine's `switch` becomes a jump table,
/// and below 256, so that they fit the form's first byte. Compressed instructions have no numbers
/// of their own: they decode to the operation they abbreviate.
public final class Op {
    // Sentinels of the decoded page.
    public static final int UNDECODED = 0;
    public static final int PAGE_END = 1;
    public static final int CROSSING = 2;

    // Control flow.
    public static final int JAL = 3;
    public static final int JALR = 4;
    public static final int BEQ = 5;
    public static final int BNE = 6;
    public static final int BLT = 7;
    public static final int BGE = 8;
    public static final int BLTU = 9;
    public static final int BGEU = 10;

    // Loads and stores.
    public static final int LB = 11;
    public static final int LH = 12;
    public static final int LW = 13;
    public static final int LD = 14;
    public static final int LBU = 15;
    public static final int LHU = 16;
    public static final int LWU = 17;
    public static final int SB = 18;
    public static final int SH = 19;
    public static final int SW = 20;
    public static final int SD = 21;
    public static final int FLW = 22;
    public static final int FLD = 23;
    public static final int FSW = 24;
    public static final int FSD = 25;

    // Register and immediate. LI covers LUI: the immediate is final.
    public static final int LI = 26;
    public static final int AUIPC = 27;
    public static final int ADDI = 28;
    public static final int SLTI = 29;
    public static final int SLTIU = 30;
    public static final int XORI = 31;
    public static final int ORI = 32;
    public static final int ANDI = 33;
    public static final int SLLI = 34;
    public static final int SRLI = 35;
    public static final int SRAI = 36;
    public static final int ADDIW = 37;
    public static final int SLLIW = 38;
    public static final int SRLIW = 39;
    public static final int SRAIW = 40;

    // Register and register.
    public static final int ADD = 41;
    public static final int SUB = 42;
    public static final int SLL = 43;
    public static final int SLT = 44;
    public static final int SLTU = 45;
    public static final int XOR = 46;
    public static final int SRL = 47;
    public static final int SRA = 48;
    public static final int OR = 49;
    public static final int AND = 50;
    public static final int ADDW = 51;
    public static final int SUBW = 52;
    public static final int SLLW = 53;
    public static final int SRLW = 54;
    public static final int SRAW = 55;

    // M.
    public static final int MUL = 56;
    public static final int MULH = 57;
    public static final int MULHSU = 58;
    public static final int MULHU = 59;
    public static final int DIV = 60;
    public static final int DIVU = 61;
    public static final int REM = 62;
    public static final int REMU = 63;
    public static final int MULW = 64;
    public static final int DIVW = 65;
    public static final int DIVUW = 66;
    public static final int REMW = 67;
    public static final int REMUW = 68;

    // Zba.
    public static final int ADD_UW = 69;
    public static final int SH1ADD = 70;
    public static final int SH2ADD = 71;
    public static final int SH3ADD = 72;
    public static final int SH1ADD_UW = 73;
    public static final int SH2ADD_UW = 74;
    public static final int SH3ADD_UW = 75;
    public static final int SLLI_UW = 76;

    // Zbb.
    public static final int ANDN = 77;
    public static final int ORN = 78;
    public static final int XNOR = 79;
    public static final int CLZ = 80;
    public static final int CLZW = 81;
    public static final int CTZ = 82;
    public static final int CTZW = 83;
    public static final int CPOP = 84;
    public static final int CPOPW = 85;
    public static final int MAX = 86;
    public static final int MAXU = 87;
    public static final int MIN = 88;
    public static final int MINU = 89;
    public static final int SEXT_B = 90;
    public static final int SEXT_H = 91;
    public static final int ZEXT_H = 92;
    public static final int ROL = 93;
    public static final int ROLW = 94;
    public static final int ROR = 95;
    public static final int RORI = 96;
    public static final int RORIW = 97;
    public static final int RORW = 98;
    public static final int ORC_B = 99;
    public static final int REV8 = 100;

    // Zbs.
    public static final int BCLR = 101;
    public static final int BCLRI = 102;
    public static final int BEXT = 103;
    public static final int BEXTI = 104;
    public static final int BINV = 105;
    public static final int BINVI = 106;
    public static final int BSET = 107;
    public static final int BSETI = 108;

    // Ordering.
    public static final int FENCE = 109;
    public static final int FENCE_I = 110;

    // A.
    public static final int LR_W = 111;
    public static final int SC_W = 112;
    public static final int AMOSWAP_W = 113;
    public static final int AMOADD_W = 114;
    public static final int AMOXOR_W = 115;
    public static final int AMOAND_W = 116;
    public static final int AMOOR_W = 117;
    public static final int AMOMIN_W = 118;
    public static final int AMOMAX_W = 119;
    public static final int AMOMINU_W = 120;
    public static final int AMOMAXU_W = 121;
    public static final int LR_D = 122;
    public static final int SC_D = 123;
    public static final int AMOSWAP_D = 124;
    public static final int AMOADD_D = 125;
    public static final int AMOXOR_D = 126;
    public static final int AMOAND_D = 127;
    public static final int AMOOR_D = 128;
    public static final int AMOMIN_D = 129;
    public static final int AMOMAX_D = 130;
    public static final int AMOMINU_D = 131;
    public static final int AMOMAXU_D = 132;

    // System.
    public static final int ECALL = 133;
    public static final int EBREAK = 134;
    public static final int SRET = 135;
    public static final int MRET = 136;
    public static final int WFI = 137;
    public static final int SFENCE_VMA = 138;
    public static final int CSRRW = 139;
    public static final int CSRRS = 140;
    public static final int CSRRC = 141;
    public static final int CSRRWI = 142;
    public static final int CSRRSI = 143;
    public static final int CSRRCI = 144;
    public static final int ILLEGAL = 145;

    // F.
    public static final int FADD_S = 146;
    public static final int FSUB_S = 147;
    public static final int FMUL_S = 148;
    public static final int FDIV_S = 149;
    public static final int FSQRT_S = 150;
    public static final int FMADD_S = 151;
    public static final int FMSUB_S = 152;
    public static final int FNMSUB_S = 153;
    public static final int FNMADD_S = 154;
    public static final int FSGNJ_S = 155;
    public static final int FSGNJN_S = 156;
    public static final int FSGNJX_S = 157;
    public static final int FMIN_S = 158;
    public static final int FMAX_S = 159;
    public static final int FEQ_S = 160;
    public static final int FLT_S = 161;
    public static final int FLE_S = 162;
    public static final int FCLASS_S = 163;
    public static final int FCVT_W_S = 164;
    public static final int FCVT_WU_S = 165;
    public static final int FCVT_L_S = 166;
    public static final int FCVT_LU_S = 167;
    public static final int FCVT_S_W = 168;
    public static final int FCVT_S_WU = 169;
    public static final int FCVT_S_L = 170;
    public static final int FCVT_S_LU = 171;
    public static final int FMV_X_W = 172;
    public static final int FMV_W_X = 173;
    public static final int FCVT_S_D = 174;

    // D.
    public static final int FADD_D = 175;
    public static final int FSUB_D = 176;
    public static final int FMUL_D = 177;
    public static final int FDIV_D = 178;
    public static final int FSQRT_D = 179;
    public static final int FMADD_D = 180;
    public static final int FMSUB_D = 181;
    public static final int FNMSUB_D = 182;
    public static final int FNMADD_D = 183;
    public static final int FSGNJ_D = 184;
    public static final int FSGNJN_D = 185;
    public static final int FSGNJX_D = 186;
    public static final int FMIN_D = 187;
    public static final int FMAX_D = 188;
    public static final int FEQ_D = 189;
    public static final int FLT_D = 190;
    public static final int FLE_D = 191;
    public static final int FCLASS_D = 192;
    public static final int FCVT_W_D = 193;
    public static final int FCVT_WU_D = 194;
    public static final int FCVT_L_D = 195;
    public static final int FCVT_LU_D = 196;
    public static final int FCVT_D_W = 197;
    public static final int FCVT_D_WU = 198;
    public static final int FCVT_D_L = 199;
    public static final int FCVT_D_LU = 200;
    public static final int FMV_X_D = 201;
    public static final int FMV_D_X = 202;
    public static final int FCVT_D_S = 203;

    // Zbc.
    public static final int CLMUL = 204;
    public static final int CLMULH = 205;
    public static final int CLMULR = 206;

    // Zicond.
    public static final int CZERO_EQZ = 207;
    public static final int CZERO_NEZ = 208;

    // Zicbom and Zicboz. CBO_CLEAN covers cbo.flush.
    public static final int CBO_INVAL = 209;
    public static final int CBO_CLEAN = 210;
    public static final int CBO_ZERO = 211;

    // Svinval: sfence.w.inval and sfence.inval.ir. What sinval.vma does, SFENCE_VMA does.
    public static final int SFENCE_INVAL = 212;

    /// A sentinel of the decoded page: translated code begins here. The upper half is the number of
    /// the head, known to whoever put it there.
    public static final int REGION = 213;

    public static final int COUNT = 214;

    private Op() {}

    /// Whether the operation is of the F or D extension, loads and stores included.
    public static boolean isFloatingPoint(int op) {
        return op >= FLW && op <= FSD || op >= FADD_S && op <= FCVT_D_S;
    }
}
