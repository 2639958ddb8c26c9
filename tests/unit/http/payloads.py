"""The vendors' documented answers, word for word."""

from __future__ import annotations

from typing import Any

# https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain
AGENT: dict[str, Any] = {
    "_id": "example_string",
    "name": "John Doe",
    "companyInfo": {
        "name": "John Doe",
        "domain": "example_string",
        "industry": "example_string",
        "description": "example_string",
    },
    "persona": {
        "tone": "professional",
        "role": "example_string",
        "communicationStyle": "example_string",
        "customInstructions": "example_string",
    },
    "autonomousMode": {
        "enabled": True,
        "confidenceThreshold": 3.14,
        "maxAutoRepliesPerLead": 42,
        "onlyPositiveReplies": True,
        "skipOOO": True,
        "workingHours": {"enabled": True, "startHour": 42, "endHour": 42, "timezone": "example_string"},
        "escalationEmail": "user@example.com",
        "cooldownMinutes": 42,
        "mode": "ai",
        "template": "example_string",
    },
    "followupSettings": {
        "enabled": True,
        "maxFollowups": 42,
        "intervalDays": 42,
        "mode": "ai",
        "templates": ["example_string"],
    },
    "uploadedDocuments": [
        {
            "fileName": "John Doe",
            "fileKey": "example_string",
            "fileUrl": "example_string",
            "fileType": "pdf",
            "fileSize": 42,
            "uploadedAt": "2024-12-25T10:00:00Z",
            "status": "processing",
        }
    ],
    "trainingStatus": "pending",
    "trainingProgress": 3.14,
    "trainingError": "example_string",
    "knowledgeBase": {
        "totalPages": 25,
        "totalChunks": 42,
        "lastScrapedAt": "2024-12-25T10:00:00Z",
        "domain": "example_string",
    },
    "isDefault": True,
    "isActive": True,
    "usage": {},
    "createdAt": "2024-12-25T10:00:00Z",
}

RETRAIN: dict[str, Any] = {
    "success": True,
    "data": AGENT,
    "meta": {"creditsCharged": 3.14, "jobs": [{"id": "example_string", "type": "example_string"}]},
}

SENDKIT_ERRORS: dict[int, dict[str, Any]] = {
    402: {"error": "Error", "message": "Insufficient credits", "code": 402},
    403: {
        "error": "Forbidden",
        "message": "You don't have permission to access this resource",
        "code": 403,
    },
    404: {"error": "Not Found", "message": "The requested resource was not found", "code": 404},
    409: {
        "error": "Conflict",
        "message": "The request conflicts with the current state of the resource",
        "code": 409,
        "details": "Resource already exists",
    },
}

# https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter
REQUEST_ID = "xyz1::reg1:reg1::ab3c4-1234567890123-0123456789ab"
FINGERPRINT = "14fceadd84e74ec499afe9b0f7952d6b"
WORDS = "A text representation of the error"

_SENSAY_ERROR = {"error": WORDS, "success": False, "request_id": REQUEST_ID, "fingerprint": FINGERPRINT}

INNER_EXCEPTION = {
    "name": "Server overheated",
    "cause": "Request too complicated",
    "stack": "Error: Server overheated due to an unexpected situation\n    at Object.eval (eval at <anonymous>...",
    "message": "The server overheated due to an unexpected situation",
}

SENSAY_ERRORS: dict[int, dict[str, Any]] = {
    400: _SENSAY_ERROR,
    401: _SENSAY_ERROR,
    404: {"error": WORDS, "success": False, "request_id": REQUEST_ID},
    415: _SENSAY_ERROR,
    500: {**_SENSAY_ERROR, "inner_exception": INNER_EXCEPTION},
}

TRAINING_UPDATE = {
    "rawText": "Our company was founded in 2020. We specialize in AI-powered customer service solutions.",
    "processedText": "Our company was founded in 2020. We specialize in AI-powered customer service solutions.",
    "vectorEntryId": "1337",
    "metadata": {"page": 42, "tags": ["company info", "history"], "source": "company handbook"},
}

# https://docs.sensay.io/operation/operation-get-v1-training-parameter
TRAINING_ENTRY: dict[str, Any] = {
    "success": True,
    "id": 12345,
    "replica_uuid": "12345678-1234-1234-1234-123456789abc",
    "type": "text",
    "filename": None,
    "status": "READY",
    "raw_text": "…",
    "processed_text": "…",
    "created_at": "2025-04-15T08:11:00.093761+00:00",
    "updated_at": "2025-04-15T08:11:05.299349+00:00",
    "title": None,
    "description": None,
}

# https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base
ENTRY_PAGE: dict[str, Any] = {
    "success": True,
    "total": 100,
    "items": [
        {
            "id": 12345,
            "replicaUUID": "03db5651-cb61-4bdf-9ef0-89561f7c9c53",
            "type": "text",
            "status": "READY",
            "createdAt": "2025-04-15T08:11:00.093761+00:00",
            "updatedAt": "2025-04-15T08:11:05.299349+00:00",
            "title": "Company information",
            "summary": "Basic company details and policies",
        }
    ],
}

# https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base-parameter
FILE_ENTRY: dict[str, Any] = {
    "success": True,
    "id": 7,
    "replicaUUID": "03db5651-cb61-4bdf-9ef0-89561f7c9c53",
    "type": "file",
    "status": "RAW_TEXT",
    "createdAt": "2025-04-15T08:11:00.093761+00:00",
    "updatedAt": "2025-04-15T08:11:05.299349+00:00",
    "title": "Handbook",
    "generatedTitle": "A handbook",
    "summary": "…",
    "language": "en",
    "rawText": "raw",
    "generatedFacts": ["a", "b"],
    "rawTextChunks": [{"content": "raw", "chunkIndex": 0, "chunkTokens": 1, "chunkChars": 3}],
    "file": {"name": "handbook.pdf", "size": None, "mimeType": None, "downloadURL": "https://x/?sig=1"},
    "error": {"message": "extraction failed", "fingerprint": FINGERPRINT},
}

# https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base
CREATED: dict[str, Any] = {
    "success": True,
    "results": [
        {"type": "text", "enqueued": True, "knowledgeBaseID": 12345},
        {
            "type": "file",
            "enqueued": True,
            "knowledgeBaseID": 12346,
            "signedURL": "https://xotqxvmmnunwfsaemqfy.supabase.co/storage/v1/object/upload/sign/replica_files/...",
        },
        {"type": "website", "enqueued": False, "error": "the page cannot be read"},
    ],
}

# https://docs.sensay.io/operation/operation-get-v1-knowledge-base-file-types
# https://docs.sensay.io/operation/operation-get-v1-replicas
REPLICAS: dict[str, Any] = {
    "success": True,
    "type": "array",
    "items": [
        {
            "uuid": "03db5651-cb61-4bdf-9ef0-89561f7c9c53",
            "name": "Support",
            "slug": "support",
            "ownerID": "user-1",
            "shortDescription": "Answers customers",
        }
    ],
    "total": 25,
}

FILE_TYPES: dict[str, Any] = {
    "success": True,
    "mediaGroups": [
        {
            "label": "Video",
            "mediaType": "video",
            "limitation": "90 minutes",
            "fileTypes": [
                {"mimeTypes": ["video/mp4"], "extensions": [".mp4"], "supportLevel": "production"},
            ],
        }
    ],
}
