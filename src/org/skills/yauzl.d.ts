// The part of the package yauzl that is used here. It has no types of its own.

declare module 'yauzl' {
  export interface Entry {
    readonly fileName: string
    readonly uncompressedSize: number
    /** The mode of a Unix file in its upper half. */
    readonly externalFileAttributes: number
    /** False for one that is encrypted, or packed in a way that is not known. */
    canDecodeFileData(): boolean
  }
  export interface ZipFile {
    readonly entryCount: number
    eachEntry(): AsyncIterable<Entry>
    openReadStreamPromise(entry: Entry): Promise<AsyncIterable<Buffer>>
  }
  export function fromBufferPromise(buffer: Buffer): Promise<ZipFile>
}
