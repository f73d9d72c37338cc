/**
 * Writes the packed relative relocations (DT_RELR) of a shared library as plain ones, for a loader that
 * is older than they are: musl before 1.2.4 passes over them, and the library crashes by its first
 * pointer. For x86-64. Sources: elf.h, and the generic ABI's "Relative Relocation Table".
 */

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
/** Headers that no loader needs: of a note, and of the wish that the stack be not executable. */
const SPARE = [4, 0x6474e551];
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RELRSZ = 35n;
const DT_RELR = 36n;
const R_X86_64_RELATIVE = 8n;
const PF_R = 4;
const HEADER_BYTES = 56;
const RELA_BYTES = 24;
const WORD_BYTES = 8n;
const PAGE = 0x1000n;

interface Segment {
  /** Of its header in the file. */
  readonly at: number;
  readonly type: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileBytes: bigint;
  readonly memoryBytes: bigint;
}

/** @returns the library as it is when it has none packed */
export function unpackRelocations(library: Uint8Array): Uint8Array {
  const view = new DataView(library.buffer, library.byteOffset, library.length);
  const segments = readSegments(view);
  const dynamic = readDynamic(view, segments);
  const [relr, relrBytes] = [dynamic.get(DT_RELR), dynamic.get(DT_RELRSZ)];
  const [rela, relaBytes] = [dynamic.get(DT_RELA), dynamic.get(DT_RELASZ)];
  if (relr === undefined || relrBytes === undefined) return library;
  if (rela === undefined || relaBytes === undefined) throw new Error("No plain relocations to add to");
  const offsetOf = (address: bigint) => toOffset(segments, address);
  const words = Array.from({ length: Number(relrBytes.value / WORD_BYTES) }, (_, index) =>
    view.getBigUint64(offsetOf(relr.value) + index * Number(WORD_BYTES), true),
  );
  const relatives = unpackAddresses(words).map((address) => ({
    address,
    addend: view.getBigUint64(offsetOf(address), true),
  }));
  const plain = offsetOf(rela.value);
  const table = joinTables(relatives, library.subarray(plain, plain + Number(relaBytes.value)));
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  const place = {
    address: toPage(endOf(loaded)),
    offset: toPage(BigInt(library.length)),
  };
  const whole = new Uint8Array(Number(place.offset) + table.length);
  whole.set(library);
  whole.set(table, Number(place.offset));
  const out = new DataView(whole.buffer);
  writeSegment(out, segments, place, table.length);
  out.setBigUint64(rela.at, place.address, true);
  out.setBigUint64(relaBytes.at, BigInt(table.length), true);
  // A loader that does know them has none left to apply.
  out.setBigUint64(relrBytes.at, 0n, true);
  return whole;
}

function endOf(loaded: readonly Segment[]): bigint {
  let end = 0n;
  for (const { address, memoryBytes } of loaded) if (address + memoryBytes > end) end = address + memoryBytes;
  return end;
}

/** An even word is an address; an odd one tells by its bits which of the 63 words after it are meant, too. */
export function unpackAddresses(words: readonly bigint[]): bigint[] {
  const addresses: bigint[] = [];
  let next = 0n;
  for (const word of words) {
    if ((word & 1n) === 0n) {
      addresses.push(word);
      next = word + WORD_BYTES;
      continue;
    }
    for (let bit = 0n; bit < 63n; bit++) {
      if ((word >> (bit + 1n)) & 1n) addresses.push(next + bit * WORD_BYTES);
    }
    next += 63n * WORD_BYTES;
  }
  return addresses;
}

function readSegments(view: DataView): Segment[] {
  const first = Number(view.getBigUint64(32, true));
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = first + index * HEADER_BYTES;
    const word = (offset: number) => view.getBigUint64(at + offset, true);
    const type = view.getUint32(at, true);
    return { at, type, offset: word(8), address: word(16), fileBytes: word(32), memoryBytes: word(40) };
  });
}

/** By tag: the value, and where it stands in the file. */
function readDynamic(
  view: DataView,
  segments: readonly Segment[],
): Map<bigint, { value: bigint; at: number }> {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries = new Map<bigint, { value: bigint; at: number }>();
  for (let at = Number(segment?.offset ?? 0n); segment !== undefined; at += 16) {
    const tag = view.getBigUint64(at, true);
    if (tag === 0n) break;
    entries.set(tag, { value: view.getBigUint64(at + 8, true), at: at + 8 });
  }
  return entries;
}

function toOffset(segments: readonly Segment[], address: bigint): number {
  const holds = (one: Segment) => one.address <= address && address < one.address + one.fileBytes;
  const segment = segments.find((one) => one.type === PT_LOAD && holds(one));
  if (segment === undefined) throw new Error(`No segment holds ${address.toString(16)}`);
  return Number(address - segment.address + segment.offset);
}

function joinTables(
  relatives: readonly { readonly address: bigint; readonly addend: bigint }[],
  plain: Uint8Array,
): Uint8Array {
  const table = new Uint8Array(relatives.length * RELA_BYTES + plain.length);
  const view = new DataView(table.buffer);
  for (const [index, { address, addend }] of relatives.entries()) {
    const words = [address, R_X86_64_RELATIVE, addend];
    for (const [at, word] of words.entries()) view.setBigUint64(index * RELA_BYTES + at * 8, word, true);
  }
  table.set(plain, relatives.length * RELA_BYTES);
  return table;
}

/** In place of a header that is not needed, because there is no room for one more. */
function writeSegment(
  view: DataView,
  segments: readonly Segment[],
  { address, offset }: { readonly address: bigint; readonly offset: bigint },
  sizeBytes: number,
): void {
  const spare = segments.find(({ type }) => SPARE.includes(type));
  if (spare === undefined) throw new Error("No program header can be spared");
  view.setUint32(spare.at, PT_LOAD, true);
  view.setUint32(spare.at + 4, PF_R, true);
  const size = BigInt(sizeBytes);
  for (const [index, word] of [offset, address, address, size, size, PAGE].entries()) {
    view.setBigUint64(spare.at + 8 + index * 8, word, true);
  }
}

function toPage(bytes: bigint): bigint {
  return ((bytes + PAGE - 1n) / PAGE) * PAGE;
}
