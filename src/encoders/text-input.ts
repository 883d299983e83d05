import { existsSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { UserError } from "../errors.js";
import type { EncoderInput } from "./architecture.js";
import { Config } from "./config.js";

/** Texts → token ids, as a folder's tokenizer.json says (special tokens such as `<s>` included). */
export class TextInput {
  private constructor(
    readonly folder: string,
    private readonly tokenizer: Tokenizer,
    /** id that fills up the shorter texts of a batch; the mask hides it */
    private readonly padding: number,
  ) {}

  /** @throws UserError if tokenizer.json is missing, damaged, or of a kind that the library does not know. */
  static open(folder: string): TextInput {
    const { path, fields } = Config.read(folder, "tokenizer.json");
    const hasSettings = existsSync(join(folder, "tokenizer_config.json"));
    const settings = hasSettings ? Config.read(folder, "tokenizer_config.json").fields : {};
    const model = Config.read(folder, "config.json");
    const padding = model.has("pad_token_id") ? model.number("pad_token_id") : 0;
    try {
      return new TextInput(folder, new Tokenizer(fields, settings), padding);
    } catch (error) {
      throw new UserError(
        `${path} is no tokenizer that can be read (${(error as Error).message.split("\n")[0]}); fetch it again`,
      );
    }
  }

  /**
   * The first `limit` ids of a text, special tokens among them.
   * @throws UserError for a text that gives no token at all.
   */
  ids(text: string, limit = Infinity): number[] {
    const { ids } = this.tokenizer.encode(text);
    if (!ids.length)
      throw new UserError(`${this.folder}: the text ${JSON.stringify(text)} has no token; leave it out`);
    return ids.slice(0, limit);
  }

  /** Ids [texts, longest] and, where lengths differ, the mask of what is no padding; padding stands on the right. */
  prepare(texts: readonly string[], limit?: number): EncoderInput {
    return padIds(texts.map((text) => this.ids(text, limit)), this.padding); // prettier-ignore
  }
}

/** Rows of ids → [rows, longest], padded on the right, with a mask where that was needed. */
export function padIds(rows: readonly (readonly number[])[], padding = 0): EncoderInput {
  const tokens = Math.max(...rows.map((row) => row.length));
  const shape = [rows.length, tokens];
  const values = new Int32Array(rows.length * tokens).fill(padding);
  const mask = new Int32Array(rows.length * tokens);
  for (const [i, row] of rows.entries()) {
    values.set(row, i * tokens);
    mask.fill(1, i * tokens, i * tokens + row.length);
  }
  const input: EncoderInput = { values: { shape, dtype: "int32", data: values } };
  if (mask.includes(0)) input.mask = { shape, dtype: "int32", data: mask };
  return input;
}
