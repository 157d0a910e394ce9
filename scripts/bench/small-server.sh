#!/bin/sh
# An MCP server that takes a megabyte, so that hundreds of them fit beside each other: it lists one tool, which echoes
# nothing; a call with "hold" in it is never answered.
while IFS= read -r line; do
  id=${line#*\"id\":\"}
  id=${id%%\"*}
  case $line in
    *'"method":"notifications/'*) continue ;;
    *'"method":"initialize"'*)
      result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"small","version":"1"}}' ;;
    *'"method":"tools/list"'*) result='{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}' ;;
    *'"method":"tools/call"'*)
      case $line in
        *hold*) continue ;;
        *storm*) printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n' ;;
        *exit*) exit 3 ;;
      esac
      result='{"content":[{"type":"text","text":"ok"}]}' ;;
    *'"method":"ping"'*) result='{}' ;;
    *)
      printf '{"jsonrpc":"2.0","id":"%s","error":{"code":-32601,"message":"unknown"}}\n' "$id"
      continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":"%s","result":%s}\n' "$id" "$result"
done
