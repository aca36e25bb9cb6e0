// For workerd: vectors from a request, the outcome in the answer.
import { run } from './vectors.mjs'

export default {
  async fetch(request) {
    return Response.json(await run(await request.json()))
  },
}
