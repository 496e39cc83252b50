// Browsers start no worker from a page that was opened from disk, so the search would not work there.
// This runs a worker's script in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.documentElement.append(frame)
      this.scope = frame.contentWindow
      // In a worker, postMessage sends to the page that started it.
      this.scope.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      this.scope.importScripts = (...scripts) =>
        scripts.reduce((before, next) => before.then(() => this.load(next)), Promise.resolve())
      this.load(script).then(() => {
        const { waiting } = this
        this.waiting = null
        waiting.forEach(data => this.postMessage(data))
      })
    }

    load(script) {
      return new Promise((resolve, reject) => {
        const element = this.scope.document.createElement("script")
        Object.assign(element, { src: script, onload: resolve, onerror: reject })
        this.scope.document.body.append(element)
      })
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.scope.dispatchEvent(new this.scope.MessageEvent("message", { data }))
    }
  }
}
