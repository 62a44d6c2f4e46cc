variable "name" {
  description = "Begins the names of everything that is made here, but for the queues."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "A name begins with a letter and has at most 31 small letters, digits and hyphens."
  }
}

variable "queues" {
  description = <<-EOT
    Queues by name, each with its dead-letter queue (NAME-dead) and its alarms. A name that ends in .fifo makes a FIFO
    queue. With `worker` the queue has an ECS service of its own that drains it.

    worker.handler     package.module:function in the image; SINK=handler. Or say the sink in worker.environment.
    worker.min_tasks   0 is possible: an alarm starts the first task.
    worker.messages_per_task   what `worker scaling --patch terraform` prints.
    alarms.deep, very_deep     messages that wait; from very_deep on, tasks are added five at a time.
    alarms.late, very_late     seconds that the oldest message waits; likewise.
  EOT

  type = map(object({
    visibility_seconds = number
    retention_seconds  = optional(number, 345600)
    max_receives       = optional(number, 3)

    # Of a FIFO queue: without it senders give a deduplication id.
    content_based_deduplication = optional(bool, false)

    alarms = optional(object({
      deep      = optional(number, 500000)
      very_deep = optional(number, 1000000)
      late      = optional(number, 300)
      very_late = optional(number, 600)
    }), {})

    worker = optional(object({
      image             = optional(string)
      handler           = optional(string)
      concurrency       = optional(number)
      handler_seconds   = optional(number)
      cpu               = optional(number, 512)
      memory            = optional(number, 1024)
      drain_seconds     = optional(number, 90)
      environment       = optional(map(string), {})
      secrets           = optional(map(string), {})
      policy_arns       = optional(list(string), [])
      min_tasks         = optional(number, 1)
      max_tasks         = optional(number, 10)
      messages_per_task = optional(number, 50000)
    }))
  }))

  validation {
    condition     = alltrue([for q in values(var.queues) : q.visibility_seconds >= 1 && q.visibility_seconds <= 43200])
    error_message = "A visibility timeout is 1 to 43,200 seconds."
  }

  validation {
    condition     = alltrue([for q in values(var.queues) : q.retention_seconds >= 60 && q.retention_seconds <= 1209600])
    error_message = "A retention is 60 to 1,209,600 seconds (14 days)."
  }

  validation {
    condition     = alltrue([for q in values(var.queues) : q.worker == null ? true : q.worker.drain_seconds <= 115])
    error_message = "Fargate kills a task 120 s after SIGTERM: drain_seconds is at most 115."
  }

  validation {
    condition     = alltrue([for q in values(var.queues) : q.worker == null ? true : q.worker.min_tasks <= q.worker.max_tasks])
    error_message = "min_tasks is at most max_tasks."
  }
}

variable "image" {
  description = "The image of the workers, with a tag or digest that never changes."
  type        = string
  default     = ""

  validation {
    condition     = !endswith(var.image, ":latest")
    error_message = "An image called latest cannot be rolled back to: name a version or a digest."
  }
}

variable "cluster" {
  description = "Name of an ECS cluster with Container Insights; one is made if it is empty and there are workers."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Subnets of the tasks: private ones with a way to SQS (NAT, or VPC endpoints)."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the tasks. They need egress to 443 and to the sink; ingress to 9100 only for a Prometheus."
  type        = list(string)
  default     = []
}

variable "kms_key_arn" {
  description = "A KMS key for the queues; SQS's own key if it is empty. Its policy has to allow the workers' roles."
  type        = string
  default     = ""
}

variable "alarm_topic_arns" {
  description = "SNS topics that are told of alarms."
  type        = list(string)
  default     = []
}

variable "spot_weight" {
  description = "Tasks on Fargate Spot for each one on Fargate; 0 for none on Spot."
  type        = number
  default     = 3
}

variable "architecture" {
  description = "What the image was built for."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "X86_64 or ARM64."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the log."
  type        = number
  default     = 30
}

variable "tags" {
  description = "On everything that can have them."
  type        = map(string)
  default     = {}
}
