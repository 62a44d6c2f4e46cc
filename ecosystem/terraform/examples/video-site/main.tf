# Four queues, each with its dead-letter queue, its worker and its alarms. One declaration; nothing else is needed but
# an image with the handlers in it.

terraform {
  required_version = ">= 1.5"
}

variable "image" {
  type        = string
  description = "The worker's image with the module `site` in it."
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_ids" {
  type = list(string)
}

module "site" {
  source = "../.."

  name               = "video-site"
  image              = var.image
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids

  queues = {
    video-processing = {
      visibility_seconds = 900
      retention_seconds  = 345600
      max_receives       = 3
      alarms             = { deep = 50, very_deep = 200, late = 1800, very_late = 3600 }
      # A job may take 15 minutes. The lease is renewed meanwhile, so the visibility timeout is no limit; the drain is:
      # whatever is not finished 90 s after SIGTERM is given back and begun again. The worker keeps its task while it is at work.
      worker = { handler = "site.video:process", handler_seconds = 900, concurrency = 2, cpu = 2048, memory = 4096, min_tasks = 0, max_tasks = 20, messages_per_task = 2 }
    }
    thumbnail-generation = {
      visibility_seconds = 300
      retention_seconds  = 86400
      max_receives       = 3
      alarms             = { deep = 1000, very_deep = 5000 }
      worker             = { handler = "site.thumbnails:make", handler_seconds = 300, concurrency = 4, min_tasks = 0, max_tasks = 10, messages_per_task = 100 }
    }
    email = {
      visibility_seconds = 60
      retention_seconds  = 172800
      max_receives       = 5
      alarms             = { deep = 1000, very_deep = 10000 }
      worker             = { handler = "site.mail:send", handler_seconds = 50, concurrency = 20, max_tasks = 4, messages_per_task = 1000 }
    }
    analytics = {
      visibility_seconds = 30
      retention_seconds  = 86400
      max_receives       = 2
      alarms             = { deep = 100000, very_deep = 500000 }
      worker             = { handler = "site.analytics:record", handler_seconds = 25, concurrency = 20, max_tasks = 4, messages_per_task = 20000 }
    }
  }
}

output "queue_urls" {
  value = module.site.queue_urls
}
