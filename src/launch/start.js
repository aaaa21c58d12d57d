// Starts the server of a checkout, for `npm start`.
import { runCheckout } from './checkout.js'

await runCheckout('server')
