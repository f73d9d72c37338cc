/** An exporter of the SDK's, whose results are noticed. */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ExportTrouble } from "./export-trouble.ts";

export interface Exporter<Items> {
  export(items: Items, done: (result: ExportResult) => void): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

export class WatchedExporter<Items> implements Exporter<Items> {
  private readonly exporter: Exporter<Items>;
  private readonly trouble: ExportTrouble;

  constructor(exporter: Exporter<Items>, trouble: ExportTrouble) {
    this.exporter = exporter;
    this.trouble = trouble;
  }

  export(items: Items, done: (result: ExportResult) => void): void {
    this.exporter.export(items, (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.trouble.succeeded();
      else this.trouble.failed(result.error?.message ?? "the collector did not take them");
      done(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.exporter.shutdown();
    this.trouble.stopped();
  }
}
