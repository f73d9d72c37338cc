/** An exporter for OTLP, of metrics or of spans: their encoding is the SDK's, the way is ours. */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ISerializer } from "@opentelemetry/otlp-transformer";
import { wordsOf } from "../logging/words-of.ts";
import { rarely } from "../runtime/jit-policy.ts";
import type { ExportTrouble } from "./export-trouble.ts";
import type { OtlpSender } from "./otlp-sender.ts";

interface Answer {
  readonly partialSuccess?: {
    readonly errorMessage?: string;
    readonly rejectedDataPoints?: number;
    readonly rejectedSpans?: number;
  };
}

export class OtlpExporter<Items> {
  private readonly serializer: ISerializer<Items, Answer>;
  private readonly sender: OtlpSender;
  private readonly trouble: ExportTrouble;
  private readonly underway = new Set<Promise<void>>();

  constructor(serializer: ISerializer<Items, Answer>, sender: OtlpSender, trouble: ExportTrouble) {
    this.serializer = serializer;
    this.sender = sender;
    this.trouble = trouble;
  }

  export(items: Items, done: (result: ExportResult) => void): void {
    const work: Promise<void> = this.deliver(items).then(
      () => {
        this.underway.delete(work);
        this.trouble.succeeded();
        done({ code: ExportResultCode.SUCCESS });
      },
      (error) => {
        this.underway.delete(work);
        this.trouble.failed(wordsOf(error));
        done({ code: ExportResultCode.FAILED, error: new Error(wordsOf(error)) });
      },
    );
    this.underway.add(work);
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.underway);
  }

  async shutdown(): Promise<void> {
    this.sender.hurry();
    await this.forceFlush();
    this.trouble.stopped();
    this.sender.close();
  }

  private async deliver(items: Items): Promise<void> {
    const bytes = rarely(() => this.serializer.serializeRequest(items));
    if (bytes === undefined) throw new Error("what was collected cannot be encoded");
    const { rejected, words } = this.remarksIn(await this.sender.send(bytes));
    if (rejected > 0) this.trouble.tookInPart(`${rejected} refused${words === "" ? "" : `: ${words}`}`);
    else if (words !== "") this.trouble.tookWithWords(words);
  }

  /** By the specification words without a number are a remark on what was taken whole. */
  private remarksIn(bytes: Uint8Array): { readonly rejected: number; readonly words: string } {
    try {
      const { partialSuccess } = bytes.length === 0 ? {} : this.serializer.deserializeResponse(bytes);
      const rejected = Number(partialSuccess?.rejectedDataPoints ?? partialSuccess?.rejectedSpans ?? 0);
      return { rejected, words: partialSuccess?.errorMessage ?? "" };
    } catch {
      // The status said that it took everything; what else it said is its own affair.
      return { rejected: 0, words: "" };
    }
  }
}
