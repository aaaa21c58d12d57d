/** The options that every command line may carry, whatever its command. */
export interface SharedValues {
  readonly json: boolean
  readonly help: boolean
  readonly url: string | null
  readonly home: string | null
}
