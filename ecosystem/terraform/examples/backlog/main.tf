# A backlog of 2.8 million messages that grows by 600,000 a day: 10 to 30 tasks of half a CPU and 1 GiB, one for each
# 50,000 messages that wait. `worker scaling` says what these numbers mean for the rate that you measured.

terraform {
  required_version = ">= 1.5"
}

variable "image" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_ids" {
  type = list(string)
}

variable "postgres_dsn_arn" {
  type        = string
  description = "The secret that holds POSTGRES_DSN."
}

variable "alarm_topic_arns" {
  type    = list(string)
  default = []
}

module "events" {
  source = "../.."

  name               = "events"
  image              = var.image
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  alarm_topic_arns   = var.alarm_topic_arns

  queues = {
    marketing-events = {
      visibility_seconds = 300
      retention_seconds  = 1209600
      max_receives       = 5
      alarms             = { deep = 500000, very_deep = 1000000, late = 300, very_late = 600 }
      worker = {
        cpu               = 512
        memory            = 1024
        environment       = { SINK = "postgres", POSTGRES_TABLE = "marketing_events" }
        secrets           = { POSTGRES_DSN = var.postgres_dsn_arn }
        min_tasks         = 10
        max_tasks         = 30
        messages_per_task = 50000
      }
    }
  }
}

output "services" {
  value = module.events.services
}
