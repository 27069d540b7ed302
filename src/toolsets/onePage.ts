import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server"

/** Answers a list whose one page holds all: no cursor was ever given out (MCP pagination: an invalid one is -32602). */
export const onePage =
  <A>(result: A) =>
  (request: { readonly params?: { readonly cursor?: string | undefined } | undefined }): A => {
    if (request.params?.cursor !== undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, "The cursor is not valid: there is one page")
    }
    return result
  }
